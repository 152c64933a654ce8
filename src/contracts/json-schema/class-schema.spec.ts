import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Type } from 'class-transformer';
import {
  Allow, ArrayMinSize, IsBoolean, IsDate, IsDivisibleBy, IsIn, IsInt, IsNotEmpty, IsNumber, IsOptional, IsPositive, IsString, IsUUID,
  Length, Matches, Max, MaxLength, Min, MinLength, ValidateNested,
} from 'class-validator'; // prettier-ignore
import { classSchema, typeSchema } from './class-schema.js';

class Line {
  @IsString()
  item!: string;
}

class Base {
  @IsUUID()
  id!: string;
}

class Order extends Base {
  @Length(1, 9)
  @Matches(/^o/)
  @Matches(/-\d$/)
  @Matches(/x/i)
  name!: string;

  @IsInt()
  @Min(1)
  @Max(9)
  count!: number;

  @IsNumber()
  @IsPositive()
  @IsDivisibleBy(5)
  price!: number;

  @IsBoolean()
  @IsOptional()
  gift?: boolean;

  @IsIn(['a', 'b'])
  kind!: string;

  @IsDate()
  @Type(() => Date)
  at!: Date;

  @Allow()
  note!: string;

  @MinLength(2, { each: true })
  @MaxLength(4, { each: true })
  @ArrayMinSize(1)
  tags!: string[];

  @ValidateNested()
  @IsNotEmpty()
  first!: Line;

  @ValidateNested({ each: true })
  @Type(() => Line)
  lines!: Line[];

  @ValidateNested({ each: true })
  @Type(() => Order)
  parts!: Order[];
}

class Empty {
  name!: string;
}

describe('classSchema()', () => {
  it('is what the decorators of class-validator say', () => {
    expect(classSchema(Order)).toEqual({
      title: 'Order',
      type: 'object',
      properties: {
        id: { type: 'string', format: 'uuid' },
        name: { type: 'string', minLength: 1, maxLength: 9, pattern: '^o', allOf: [{ pattern: '-\\d$' }] },
        count: { type: 'integer', minimum: 1, maximum: 9 },
        price: { type: 'number', exclusiveMinimum: 0, multipleOf: 5 },
        gift: { type: 'boolean' },
        kind: { type: 'string', enum: ['a', 'b'] },
        at: { type: 'string', format: 'date-time' },
        note: { type: 'string' },
        tags: { type: 'array', minItems: 1, items: { type: 'string', minLength: 2, maxLength: 4 } },
        first: { $ref: '#/definitions/Line', minLength: 1 },
        lines: { type: 'array', items: { $ref: '#/definitions/Line' } },
        parts: { type: 'array', items: { $ref: '#' } },
      },
      required: expect.not.arrayContaining(['gift']) as unknown,
      definitions: {
        Line: { title: 'Line', type: 'object', properties: { item: { type: 'string' } }, required: ['item'] },
      },
    });
  });

  it('is undefined for a class without decorators, and for types that tell nothing', () => {
    for (const type of [Empty, Object, Array, Promise, undefined]) expect(typeSchema(type)).toBeUndefined();
    expect(typeSchema(Number)).toEqual({ type: 'number' });
  });
});
